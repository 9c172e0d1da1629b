import subprocess
import sys

import pytest

ALLOWED = """
import resource
from polyhead.serving.open_files import allow_files
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
print(allow_files({wanted}), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "found"),
    [(64, 500, 300, "300 300 500"), (64, 100, 300, "100 100 100"), (400, 500, 300, "300 400 500")],
    ids=["raised", "as far as it goes", "enough already"],
)
def test_a_process_may_open_as_many_files_as_it_needs(soft: int, hard: int, wanted: int, found: str) -> None:
    program = ALLOWED.format(soft=soft, hard=hard, wanted=wanted)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == found
