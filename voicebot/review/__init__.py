"""What callers really said, labelled by people: queues of lines to look at, labels, agreement, and examples taught from them."""
