"""Methods that people write in a class of their own and unidl never calls: by the class of unidl's that theirs derives from."""

from __future__ import annotations

_STEPS = "every_steps = 1 on the class, and on_steps(self, trainer, numbers): after each step"
_BATCHES = "on_batches(self, trainer, logs), which gets the logs of every step, many at a time; or every_steps = 1 and on_steps(self, trainer, numbers)"
_START = "on_start(self, trainer)"
_END = "on_end(self, trainer)"
_EPOCH_END = "on_epoch_end(self, trainer, numbers)"
_EPOCH_BEGIN = "on_epoch_begin(self, trainer)"
_VALIDATED = "on_epoch_end(self, trainer, numbers), whose numbers have the val_ ones"
_VALIDATION_BEGIN = "on_validation_begin(self, trainer)"
_VALIDATION_END = "on_validation_end(self, trainer, numbers)"
_CONFIG = "nothing: the constructor's arguments are captured"

METHODS: dict[str, dict[str, str]] = {
    "Layer": {
        "call": "forward(self, x)",
        "build": "setup(self, shape)",
        "compute_output_shape": "nothing: unidl infers shapes from forward",
        "get_config": _CONFIG,
        "from_config": _CONFIG,
        "train_step": "a subclass of unidl.Trainer with training_step(self, batch)",
        "test_step": "unidl.Trainer(model, loss=…, metrics=[…]).evaluate(x, y)",
        "training_step": "a subclass of unidl.Trainer with training_step(self, batch)",
        "validation_step": "unidl.Trainer(model, loss=…, metrics=[…]).fit(…, validation_data=(x, y))",
        "configure_optimizers": "unidl.Trainer(model, optimizer=…)",
        "reset_parameters": "an initializer for each weight: self.add_weight(name, shape, initializer)",
    },
    "Callback": {
        "on_train_begin": _START,
        "on_train_start": _START,
        "on_fit_start": _START,
        "on_sanity_check_start": _START,
        "on_train_end": _END,
        "on_fit_end": _END,
        "on_epoch_start": _EPOCH_BEGIN,
        "on_train_epoch_start": _EPOCH_BEGIN,
        "on_train_epoch_begin": _EPOCH_BEGIN,
        "on_train_epoch_end": _EPOCH_END,
        "on_train_batch_begin": _STEPS,
        "on_train_batch_start": _STEPS,
        "on_train_batch_end": _BATCHES,
        "on_batch_begin": _STEPS,
        "on_batch_start": _STEPS,
        "on_batch_end": _BATCHES,
        "on_step_begin": _STEPS,
        "on_step_end": _BATCHES,
        "on_before_optimizer_step": _STEPS,
        "on_after_backward": _STEPS,
        "on_before_backward": _STEPS,
        "on_before_zero_grad": _STEPS,
        "on_test_begin": _VALIDATION_BEGIN,
        "on_test_end": _VALIDATION_END,
        "on_test_batch_begin": _VALIDATED,
        "on_test_batch_end": _VALIDATED,
        "on_validation_start": _VALIDATION_BEGIN,
        "on_validation_epoch_start": _VALIDATION_BEGIN,
        "on_validation_epoch_end": _VALIDATION_END,
        "on_validation_batch_start": _VALIDATED,
        "on_validation_batch_end": _VALIDATED,
        "on_predict_begin": "code around trainer.predict(x), which calls no callback",
        "on_predict_end": "code around trainer.predict(x), which calls no callback",
        "on_predict_batch_begin": "code around trainer.predict(x), which calls no callback",
        "on_predict_batch_end": "code around trainer.predict(x), which calls no callback",
        "on_keyboard_interrupt": "on_interrupt(self, trainer)",
        "on_save_checkpoint": "state(self), which returns what a resumed run must know",
        "on_load_checkpoint": "restore(self, state), which is given what state(self) returned",
        "state_dict": "state(self)",
        "load_state_dict": "restore(self, state)",
        "set_model": "the trainer that each method is given: trainer.model",
        "set_params": "the trainer that each method is given: trainer.epoch, trainer.steps_taken",
        "setup": _START,
        "teardown": _END,
    },
    "Trainer": {
        "train_step": "training_step(self, batch)",
        "compute_loss": "loss= of unidl.Trainer, a function(targets, predictions), or training_step(self, batch)",
        "compute_metrics": "metrics= of unidl.Trainer",
        "test_step": "validation_step(self, batch), which evaluate calls too",
        "configure_optimizers": "optimizer= of unidl.Trainer",
        "optimizer_step": "self.minimize(function) in training_step",
        "forward": "the model's own forward; training_step(self, batch) calls self.model(x)",
        "call": "the model's own forward; training_step(self, batch) calls self.model(x)",
        "train_dataloader": "trainer.fit(loader)",
        "val_dataloader": "trainer.fit(…, validation_data=loader)",
        "make_train_function": "jit= of unidl.Trainer",
        "on_train_epoch_end": "a callback: on_epoch_end(self, trainer, numbers)",
        "on_validation_epoch_end": "a callback: on_epoch_end(self, trainer, numbers)",
    },
    "Loss": {
        "call": "per_example(self, targets, predictions)",
        "forward": "per_example(self, targets, predictions)",
        "get_config": _CONFIG,
        "from_config": _CONFIG,
    },
    "Metric": {
        "update_state": "update(self, state, targets, predictions), which returns the new state",
        "reset_state": "initial(self), which returns the state before the first batch",
        "reset": "initial(self), which returns the state before the first batch",
        "compute": "result(self, state)",
        "get_config": _CONFIG,
        "from_config": _CONFIG,
    },
    "Optimizer": {
        "step": "update(self, weight, gradient, state, learning_rate, step), for one weight",
        "update_step": "update(self, weight, gradient, state, learning_rate, step), for one weight",
        "apply_gradients": "update(self, weight, gradient, state, learning_rate, step), for one weight",
        "zero_grad": "nothing: gradients never accumulate",
        "build": "state_names, the names of the states of each weight",
        "get_config": _CONFIG,
        "from_config": _CONFIG,
    },
    "Schedule": {
        "get_lr": "__call__(self, step), which returns the learning rate",
        "get_last_lr": "__call__(self, step), which returns the learning rate",
        "get_config": _CONFIG,
        "from_config": _CONFIG,
    },
}
