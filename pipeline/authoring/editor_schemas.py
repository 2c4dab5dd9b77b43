"""JSON Schemas of the files that rule authors write, for completion and checks in editors."""

from __future__ import annotations

import json

from pydantic import BaseModel

from pipeline.rules.lint.case_format import TestFile
from pipeline.rules.source.care_format import CareFile
from pipeline.rules.source.format import RuleFile, TemplateFile


def rules() -> str:
    """JSON Schema of rule files."""
    return _schema(RuleFile)


def templates() -> str:
    """JSON Schema of templates.yaml."""
    return _schema(TemplateFile)


def care() -> str:
    """JSON Schema of care.yaml."""
    return _schema(CareFile)


def tests() -> str:
    """JSON Schema of rule tests."""
    return _schema(TestFile)


def _schema(model: type[BaseModel]) -> str:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema(by_alias=True)}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
