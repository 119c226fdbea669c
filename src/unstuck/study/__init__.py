"""Which change helps: designs, a runner that pairs and keeps, and a judgement that would survive a reviewer."""
