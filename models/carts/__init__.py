"""What completes a cart, and what can stand in for an item: tables of orders, and the ranker over them."""
