"""The groups of options in the help, the same in every command: those that matter first, then the further ones."""

from typing import Any

MODEL, DATA, TRAINING, OUTPUT, SERVER = "Model", "Data", "Training", "Output", "Server"
FURTHER = "Further options"  # of whatever names no group
PANELS = (MODEL, DATA, TRAINING, OUTPUT, SERVER, FURTHER)  # in the order in which they are printed


def grouped(parameters: list[Any]) -> list[Any]:
    """Options with a group each, in the order of the groups; arguments, which have none, stand first."""

    def place(parameter: Any) -> int:
        if parameter.param_type_name == "argument":
            return -1
        parameter.rich_help_panel = parameter.rich_help_panel or FURTHER
        return PANELS.index(parameter.rich_help_panel)

    return sorted(parameters, key=place)
