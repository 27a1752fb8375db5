"""What happens around the batches of a stage.

fastai calls a callback's methods by the name of the event; lower `order` comes first.
"""
