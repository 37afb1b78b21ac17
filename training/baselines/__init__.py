"""Simple methods that a recommender has to beat: each is fitted from TrainingData and ranks whole blocks of
customers.
"""
