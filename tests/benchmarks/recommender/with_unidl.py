"""Ratings of 20,000 users for 5,000 items: four embeddings, two dense layers, batch 256, Adam; 0.8 million weights in tables."""

import numpy as np

import unidl
from tests.benchmarks.workload import Workload
from unidl import layers, ops

SIZES = {"users": (20000, 32), "items": (5000, 32), "genres": (20, 8), "countries": (100, 8)}


def data():
    rng = np.random.default_rng(0)
    # a few users and items are seen often, most seldom
    columns = [(n * rng.random(8192) ** 3).astype("int64") for n, _ in SIZES.values()]
    return tuple(columns), rng.normal(size=(8192, 1)).astype("float32")


class Recommender(unidl.Model):
    def __init__(self):
        self.users, self.items, self.genres, self.countries = (
            layers.Embedding(n, width) for n, width in SIZES.values()
        )
        self.hidden, self.hidden_2, self.out = layers.Dense(64, "relu"), layers.Dense(32, "relu"), layers.Dense(1)

    def forward(self, user, item, genre, country):  # each (batch,)
        found = [self.users(user), self.items(item), self.genres(genre), self.countries(country)]
        return self.out(self.hidden_2(self.hidden(ops.concatenate(found, -1))))


WORKLOAD = Workload("recommender", Recommender, data, 256, 4, "adam", 1e-3, {}, "mse")
