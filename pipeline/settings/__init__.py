"""Settings of the service, from one YAML file and the environment."""

from pipeline.settings.environment import ENVIRONMENT_PREFIX
from pipeline.settings.load import load_settings, load_without_kafka, require_group
from pipeline.settings.model import Settings

__all__ = ["ENVIRONMENT_PREFIX", "Settings", "load_settings", "load_without_kafka", "require_group"]
