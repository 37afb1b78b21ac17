"""Items that orders hold together, guests' orders included."""

import numpy as np
import scipy.sparse as sp

from models.sources.complements import Complements, ComplementSettings
from training.data import TrainingData
from training.fit.cooccurrence import related_items, shrunk_cosine


def fit_complements(data: TrainingData, settings: ComplementSettings) -> Complements:
    """Shrunk cosine over orders."""
    lines = data.lines
    size = np.bincount(lines.order)
    kept = lines.where((size[lines.order] > 1) & (size[lines.order] <= settings.largest_order))
    _, order = np.unique(kept.order, return_inverse=True)
    ones = np.ones(len(kept), np.float32)
    shape = (int(order.max(initial=-1)) + 1, len(data.catalogue))
    orders_items = sp.csr_array((ones, (order, kept.item)), shape=shape)
    held = np.maximum(np.bincount(lines.item, minlength=len(data.catalogue)), 1).astype(np.float64)
    weigh = shrunk_cosine(held, settings.shrink, settings.support)
    table = related_items(orders_items, weigh, settings.neighbours)
    return Complements(table, table.transposed())
