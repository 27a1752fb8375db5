"""Devices and precisions are chosen or refused before anything is computed."""

from pathlib import Path

import pytest
import torch

from gan_color.distributed import choose_device
from gan_color.errors import GanColorError
from gan_color.training import amp


def test_auto_is_the_cpu_without_a_gpu_and_the_ranks_own_gpu_with_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("LOCAL_RANK", "3")
    asked = []
    monkeypatch.setattr(torch, "empty", lambda *_, device: asked.append(device) or torch.zeros(0))
    choose_device("auto")
    assert asked == ["cuda:3"]


@pytest.mark.parametrize("name", ["cuda:99", "gpu", "7000"])
def test_a_device_that_cannot_be_used_is_named(name: str):
    with pytest.raises(GanColorError, match=f"device: '{name}' cannot be used here"):
        choose_device(name)


@pytest.mark.parametrize(
    ("flags", "kind"),
    [("fpu avx512f avx512_bf16", "bf16"), ("fpu amx_bf16", "bf16"), ("fpu avx2", "fp32")],
)
def test_the_cpu_takes_bf16_where_it_has_the_units(flags, kind, tmp_path: Path, monkeypatch):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"flags : {flags}\n")
    has_units = amp.cpu_has_bf16_units(cpuinfo)
    assert not amp.cpu_has_bf16_units(tmp_path / "missing")
    monkeypatch.setattr(amp, "cpu_has_bf16_units", lambda: has_units)
    assert amp.resolve_precision("auto", torch.device("cpu")) == kind


@pytest.mark.parametrize(("capability", "kind"), [((7, 5), "fp16"), ((8, 0), "bf16")])
def test_a_gpu_takes_bf16_from_ampere_on(capability, kind, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert amp.resolve_precision("auto", torch.device("cuda")) == kind


def test_fp16_on_the_cpu_is_refused():
    with pytest.raises(GanColorError, match="found fp16 on cpu, expected fp32 or bf16"):
        amp.resolve_precision("fp16", torch.device("cpu"))
