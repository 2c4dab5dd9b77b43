"""One YAML file and the environment become one frozen value."""

from pipeline.settings.load import ENVIRONMENT_PREFIX, load_settings
from pipeline.settings.model import Settings

__all__ = ["ENVIRONMENT_PREFIX", "Settings", "load_settings"]
