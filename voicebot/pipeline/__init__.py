"""The pipecat pipeline of one call, in its lean shape: Ear, Steering and Voice between the two halves of a leg's transport.

Frames are processed where they are pushed (pipecat's direct mode): no queue and no task between processors, so audio never
overtakes a fact and a call costs little. Order is kept by the call driver's single queue.
"""
