"""What the end-to-end suite runs Valetkey against: real processes, real sockets, real clients."""
