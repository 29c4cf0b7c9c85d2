"""Why a hit matched."""
