"""Ranks of an image's distances to many autoencoders, corrected for their number without letting a weak one dominate.

The images of one kind, which no autoencoder asked decoded, are removed one after the other, each because it is the
nearest to some autoencoder. An autoencoder removes one image a round. So an autoencoder that many of these images come
near to uses up one rank in each round, where ranks by the smallest of all distances (the max-T method of Westfall and
Young, 1993) would all go to it.

The removed images divide all possible images into statistically equivalent blocks (Tukey, Annals of Mathematical
Statistics, 1947): which autoencoders may remove the next image follows from those removed before, and from nothing
else. So for a new image of the same kind, the share of images in the first k blocks of n + 1 is distributed as
Beta(k, n + 1 - k), whatever the distribution of the distances; on average it is k / (n + 1).
"""

import numpy as np
import pandas as pd


class Blocks:
    """The blocks of one kind of images.

    Args:
        distances: a row for each image and a column for each autoencoder; nan where an image has no signal, which is
            near to nothing.
        held_back: autoencoders that remove nothing in the first round, unless all are. They must be chosen without a
            look at these images.
    """

    def __init__(self, distances: pd.DataFrame, held_back: frozenset[str] = frozenset()) -> None:
        self.images = len(distances)
        names = [str(name) for name in distances.columns]
        columns = {name: distances[name].fillna(np.inf).to_numpy(dtype=float) for name in names}
        order = {name: np.argsort(column, kind="stable").tolist() for name, column in columns.items()}
        values = {name: column.tolist() for name, column in columns.items()}
        place = dict.fromkeys(names, 0)
        removed = [False] * self.images
        waiting = [name for name in names if name not in held_back] or names
        bounds: dict[str, list[float]] = {name: [] for name in names}
        ranks: dict[str, list[int]] = {name: [] for name in names}
        for rank in range(1, self.images + 1):
            for name in waiting:
                while removed[order[name][place[name]]]:
                    place[name] += 1
            nearest = min(waiting, key=lambda name: values[name][order[name][place[name]]])
            image = order[nearest][place[nearest]]
            bound = values[nearest][image]
            for name in waiting:
                if not bounds[name] or bound > bounds[name][-1]:
                    bounds[name].append(bound)
                    ranks[name].append(rank)
            removed[image] = True
            waiting = [name for name in waiting if name != nearest] or names
        self._bounds = {name: np.array(bounds[name]) for name in names}
        self._ranks = {name: [*ranks[name], self.images + 1] for name in names}

    def rank(self, autoencoder: str, distance: float) -> int:
        """Return the first block, from 1 to the number of images + 1, that an image so near to the autoencoder is in.

        An image as near as the one that bounds a block is outside of it.
        """
        return self._ranks[autoencoder][int(np.searchsorted(self._bounds[autoencoder], distance, side="right"))]
