"""A deployment's integrity and its metrics, as `duri` judges and counts them."""
