"""A notices API that obeys the contract, for tests and rule authors; an application of its own."""
