"""The standing comparison's runs, as the notebooks read them: one row for each run. The source of docs/results.md."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gdw.comparison.names import scenario_name
from gdw.comparison.report import Difference, holm, paired_difference
from gdw_notebooks.recorded import places

if TYPE_CHECKING:
    from pandas import DataFrame

FOLDER = places.standing()
FILES = ("results.csv", "map.csv")  # the comparison, and the map's other cells; reduced.csv has fresh seeds
SEARCHED = ("digits_searched.csv",)  # the comparison on digits, each method with a training plan of its own
FEATURES = ("features.csv",)  # the comparison on features of real pictures
FEATURES_MAP = ("features.csv", "features_map.csv")  # with the other cells of the map
SETTINGS = "features_settings.csv"  # what each method's twelve settings reach there, on validation pictures
SCENARIOS = (
    "clean", "uniform 20", "uniform 40", "uniform 60", "uniform 80", "flip 20", "flip 40", "long tail 0.1",
    "long tail 0.02", "uniform 40 + long tail 0.1",
)  # fmt: skip
RATES, IMBALANCES = (0.0, 0.2, 0.4, 0.6, 0.8), (1.0, 0.1, 0.02)  # of the map


def load(files: Sequence[str] = FILES) -> "DataFrame":
    """Every run: scenario, method, seed, accuracy, worst_class and auroc (percent; AUROC in [0, 1]), run code."""
    import pandas as pd

    return pd.concat([pd.read_csv(FOLDER / name) for name in files], ignore_index=True)


def settings() -> "DataFrame":
    """Of each method searched on features: method, best, second, median and worst validation accuracy in percent."""
    import pandas as pd

    return pd.read_csv(FOLDER / SETTINGS)


def compared(runs: "DataFrame") -> list[str]:
    """The methods of some runs, in their order."""
    return list(dict.fromkeys(runs["method"]))


def methods() -> list[str]:
    """The methods of the comparison on digits, in its order; later ones are not in it yet."""
    return compared(load(("results.csv",)))


def cell_name(rate: float, imbalance: float) -> str:
    """The scenario of a cell of the noise x imbalance map."""
    return scenario_name({"noise": "uniform", "rate": rate, "imbalance": imbalance, "imbalance_kind": "exponential"})


def accuracies(runs: "DataFrame", scenario: str, method: str) -> np.ndarray:
    """Test accuracy in percent of each seed, in the seeds' order."""
    chosen = runs[(runs["scenario"] == scenario) & (runs["method"] == method)].sort_values("seed")
    return chosen["accuracy"].to_numpy()


def difference(runs: "DataFrame", scenario: str, rival: str, ours: str = "gdw") -> Difference:
    """Ours minus the rival, paired by seed, in points: one comparison, with its 95 % interval."""
    return paired_difference(accuracies(runs, scenario, ours), accuracies(runs, scenario, rival))


def differences(runs: "DataFrame", scenarios: Iterable[str], rival: str, ours: str = "gdw") -> dict[str, Difference]:
    """Ours minus the rival in each scenario, for counting: p-values corrected for all of them (Holm)."""
    return holm({scenario: difference(runs, scenario, rival, ours) for scenario in scenarios})


def cells(
    runs: "DataFrame", rival: str, ours: str = "gdw", imbalances: Sequence[float] = IMBALANCES
) -> dict[tuple[float, float], Difference]:
    """The differences of a map, by (rate, imbalance): p-values corrected for all cells."""
    names = {(rate, imbalance): cell_name(rate, imbalance) for rate in RATES for imbalance in imbalances}
    found = differences(runs, names.values(), rival, ours)
    return {cell: found[name] for cell, name in names.items()}
