"""Creates adapters and connects them: one module for each program. No other package names adapters."""
