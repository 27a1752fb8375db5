"""The learning rates of a log row."""

from torch.optim import Optimizer

from gan_color.training.steps import AdversarialStep, DiscriminatorStep, Step


def learning_rates(leader: Optimizer, step: Step) -> dict[str, float]:
    """Rates by column: "lr" is the optimizer's that the schedule moves, in its last group (the
    decoder). "lr_encoder", "lr_encoder_2" ... are those of groups before it, from the input on,
    each distinct rate once; "lr_hints" where the layers that take hints have their own, and
    "lr_discriminator" where discriminators are trained.
    """
    named = {group["name"]: group["lr"] for group in leader.param_groups if group.get("name")}
    groups = [group["lr"] for group in leader.param_groups if not group.get("name")]
    rates = {"lr": groups[-1], **{f"lr_{name}": rate for name, rate in named.items()}}
    before = [rate for rate in dict.fromkeys(groups) if rate != rates["lr"]]
    for i, rate in enumerate(before, 1):
        rates["lr_encoder" if i == 1 else f"lr_encoder_{i}"] = rate
    if isinstance(step, AdversarialStep):
        step = step.discriminator_step
    if isinstance(step, DiscriminatorStep):
        rates["lr_discriminator"] = step.optimizer.optimizer.param_groups[0]["lr"]
    return rates
