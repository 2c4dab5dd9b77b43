"""Recipient care: may this message leave now, as far as the person at the other end is concerned?

Pure: times are arguments, and nothing here waits. What was sent to a recipient is a fold of the ledger.
"""
