"""The notebooks beside pages and solutions: executed once, stored, run by nbval."""
