"""Programs by family; `catalogue` has them all."""
