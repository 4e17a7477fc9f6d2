"""A line or two in somebody else's training loop: Lightning, Hugging Face, skorch, XGBoost, LightGBM, CatBoost.

Each module imports its library, and says what to install where that is missing.
"""
