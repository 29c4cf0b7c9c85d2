"""A trained model, ready for others: card, licence, the hub."""
