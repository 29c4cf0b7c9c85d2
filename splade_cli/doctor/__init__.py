"""Diagnosis of an installation: what is there, what computes, what is missing for what."""
