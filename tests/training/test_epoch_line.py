"""The line of an epoch fits into the terminal."""

import pytest

from unidl.training.epoch_line import epoch_line

FIVE = {"loss": 0.35211, "accuracy": 0.89321, "seconds": 4.21, "val_loss": 0.21041, "val_accuracy": 0.94011}


def test_as_it_is_where_there_is_room():
    wide = "epoch 1/3  loss 0.3521  accuracy 0.8932  val_loss 0.2104  val_accuracy 0.9401  4.2 s"
    assert epoch_line(1, 3, FIVE) == epoch_line(1, 3, FIVE, 200) == wide
    assert epoch_line(1, 3, {"loss": 1.0}, 80) == "epoch 1/3  loss 1.0000"


def test_the_ordinary_line_fits_into_eighty_columns():
    line = epoch_line(1, 3, FIVE, 80)
    assert line == "epoch 1/3 loss 0.3521 accuracy 0.8932 val_loss 0.2104 val_accuracy 0.9401 4.2 s"
    assert len(line) == 79
    assert (
        epoch_line(100, 100, FIVE, 80)
        == "epoch 100/100 loss 0.352 accuracy 0.893 val_loss 0.210 val_accuracy 0.940 4.2 s"
    )


@pytest.mark.parametrize("width", [10, 20, 40, 60, 80, 120])
@pytest.mark.parametrize("count", [0, 1, 5, 30])
def test_it_is_never_longer_than_the_terminal(width, count):
    numbers = {f"a_metric_of_that_name_{i}": i / 7 for i in range(count)} | {"seconds": 123.4}
    assert len(epoch_line(1234, 9999, numbers, width)) <= width


def test_what_does_not_fit_is_left_out():
    assert epoch_line(1, 3, {f"metric_{i}": 0.5 for i in range(9)}, 40) == "epoch 1/3 metric_0 0.500 …"
