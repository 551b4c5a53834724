"""Graph components of the NLU pipeline that Rasa does not have."""
