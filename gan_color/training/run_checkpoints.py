"""The checkpoints of a run in progress: what goes into one, when, and where copies go."""

import shutil
from typing import Any

from gan_color import distributed
from gan_color.config.schema import Config
from gan_color.training import checkpoint
from gan_color.training.amp import AmpOptimizer
from gan_color.training.callbacks.updates import noise_state
from gan_color.training.mirror import mirror
from gan_color.training.networks import Networks
from gan_color.training.state import TrainingState
from gan_color.training.steps import Step


class RunCheckpoints:
    """Saves a run's networks and state, and the `step` and `optimizers` of the running stage, these
    by owner.
    """

    def __init__(self, config: Config, state: TrainingState, networks: Networks) -> None:
        self.config, self.state, self.networks = config, state, networks
        self.folder = config.folder / "checkpoints"
        self.optimizers: dict[str, AmpOptimizer] = {}
        self.step: Step | None = None
        self._writer = checkpoint.AsyncCheckpointWriter()

    def save(self, within_epoch: bool = False) -> None:
        """Have the first rank write a checkpoint and drop old ones, beside the training."""
        self.networks.share(buffers_only=True)
        if distributed.rank() != 0:
            return
        if self.state.session is not None:
            self.state.session.update(self.state.total_images)
        tensors, state = self._content()
        if within_epoch:
            tensors["noise"] = noise_state(self.networks.device)
        folder = self.folder / self.state.checkpoint_name
        keep, protected = self.config.run.keep_checkpoints, self.state.protected
        self._writer.save(folder, tensors, state, keep, protected, self.mirror)
        self.state.last_checkpoint = folder

    def _content(self) -> tuple[dict[str, checkpoint.Tensors], dict[str, Any]]:
        """The tensors of a checkpoint by file, and its state."""
        optimizers = self.optimizers.items()
        state = {
            **self.state.state_dict(),
            "ema_images": self.networks.ema.images,
            "scalers": {name: found.state_dict() for name, found in optimizers},
            "step": self.step.state_dict() if self.step else {},
        }
        moments = checkpoint.optimizer_tensors({n: found.optimizer for n, found in optimizers})
        return {**self.networks.tensors(), "optimizers": moments}, state

    def try_writing(self) -> None:
        """Write a checkpoint under a hidden name, read it back, and remove it."""
        folder = self.folder / ".trial"
        try:
            checkpoint.save(folder, *self._content())
            checkpoint.read(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def wait(self) -> None:
        """Until the last checkpoint is there; raises what writing it has raised."""
        self._writer.wait()

    def restore_optimizers(self, found: checkpoint.Checkpoint) -> None:
        """Put optimizers and step back to where a checkpoint of the same stage had them."""
        tensors = checkpoint.load(found, "optimizers")
        for name, optimizer in self.optimizers.items():
            checkpoint.load_optimizer(optimizer.optimizer, name, tensors)
            optimizer.load_state_dict(found.state["scalers"][name])
        if self.step:
            self.step.load_state_dict(found.state.get("step", {}))  # earlier versions wrote none

    def mirror(self) -> None:
        """Bring the run's copy up to date, where there is to be one."""
        run = self.config.run
        if run.mirror is not None:
            mirror(self.config.folder, run.mirror / run.name)
