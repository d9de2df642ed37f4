"""`python -m tests.drills.argo_cd`: apply staging and prod again as Argo CD does, beside Argo Rollouts and KEDA.

Without TEST_KUBECONFIG, a stand-in of an API server answers. With it, the real server that the file names, which needs
the CRDs of all operators, and no operator. The objects are in a namespace of their own, which is removed at the end:

  TEST_KUBECONFIG=~/.kube/config python -m tests.drills.argo_cd
"""

import argparse
import os
import sys
import uuid

from rag.errors import GroundworkError
from tests.drills.argo_cd.api import Api, KubectlApi
from tests.drills.argo_cd.applying import apply_again, ignored_by, to_objects
from tests.support.fakes.api_server import StandInApi

_OVERLAYS = ("staging", "prod")


def main() -> int:
    argparse.ArgumentParser(
        prog="python -m tests.drills.argo_cd",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
    missed = 0
    for name in _OVERLAYS:
        namespace = f"drill-{name}-{uuid.uuid4().hex[:8]}"
        kubeconfig = os.environ.get("TEST_KUBECONFIG")
        api: Api = KubectlApi(kubeconfig, namespace) if kubeconfig else StandInApi()
        try:
            try:
                applied = apply_again(api, to_objects(name, namespace), ignored_by(name))
            finally:
                api.clean_up()
        except GroundworkError as error:
            sys.stderr.write(f"{error.describe()}\n")
            return 2
        sys.stdout.write(
            f"{name} on {api.parts}: {applied.objects} objects; fields that changed hands: {len(applied.lost)}; "
            f"differences to Git: {len(applied.differing)} (at most 0)\n"
        )
        sys.stdout.writelines(f"  {it}\n" for it in (*applied.lost, *applied.differing))
        missed += bool(applied.lost or applied.differing)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
