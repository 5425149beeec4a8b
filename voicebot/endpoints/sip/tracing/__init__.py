"""What was said on the wire of each call, kept for a while: ladder diagrams, packets for Wireshark, a copy for Homer."""
