"""xgboost's side of bench/forest.ts: answers each line of the input with the seconds it took.

xgboost 2.0.3, numpy 1.26.4. Arguments: folder with features.f32 and labels.u8, rows, columns,
parameters as JSON. Lines: "fit THREADS" or "predict THREADS".
"""

import json
import resource
import sys
import time

import numpy as np
import xgboost


def main():
    folder, rows, columns = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    parameters = json.loads(sys.argv[4])
    features = np.fromfile(f"{folder}/features.f32", dtype="<f4").reshape(rows, columns)
    labels = np.fromfile(f"{folder}/labels.u8", dtype="u1")
    model = None
    for line in sys.stdin:
        task, threads = line.split()
        if model is None or task == "fit":
            model = xgboost.XGBClassifier(
                tree_method="hist", random_state=0, n_jobs=int(threads), **parameters
            )
            begin = time.perf_counter()
            model.fit(features, labels)
        if task == "predict":
            model.get_booster().set_param({"nthread": int(threads)})
            begin = time.perf_counter()
            model.predict_proba(features)
        print(time.perf_counter() - begin, flush=True)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, flush=True)


main()
