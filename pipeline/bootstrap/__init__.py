"""The one place that names adapters and wires them: one module for each thing that is run."""
