from __future__ import annotations

import pytest

from tests.docs.commands import Command, File, steps


@pytest.mark.db("sqlite", "postgresql")
def test_upgrade_page_leads_from_039_to_ours_and_back(scene, monkeypatch):
    for name, value in scene.variables.items():
        monkeypatch.setenv(name, value)

    for step in steps("how-to/upgrade-from-0.3.md"):
        if isinstance(step, File):
            step.write(scene.folder)
            continue
        assert isinstance(step, Command)
        if " retry " in step.line:
            scene.play("mend")  # "Mend the cause"
        printed = step.run(scene.folder)
        assert step.fits(printed), f"$ {step.line}\n{printed}\n--- page ---\n{step.expected}"

    found = scene.play("look", old=True)
    assert {key: each["status"] for key, each in found["records"].items()} == {
        "shop:0000_gone": "APPLIED",
        "shop:0001_applied": "APPLIED",
        "shop:0002_errored": "APPLIED",
        "shop:0003_abandoned": "APPLIED",
        "shop:0005_custom": "APPLIED",
        "shop:0006_both": "APPLIED",
        "shop:0007_faked": "APPLIED",
    }
    assert found["rows"]["errored"] == found["rows"]["abandoned"] == [1] * 5
    assert found["pages"]["shop:0004_never"] == 200
