"""Tests of rules: what an event must lead to, written beside the rules and run in the service's own engine. Pure."""
