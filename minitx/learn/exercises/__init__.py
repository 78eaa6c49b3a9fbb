"""The exercises of the notebooks: one file for each topic, joined in `catalogue.py`."""
