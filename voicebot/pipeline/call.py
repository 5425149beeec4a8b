"""One call's pipeline: assembled, run with a runner of its own, and brought down within our own deadline.

One runner per call: a long-lived one keeps an entry of every finished call (10 MB each, measured on pipecat 1.14).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.workers.runner import WorkerRunner

from voicebot.tasks import cancelled

log = structlog.get_logger(__name__)

START_DEADLINE_S = 5.0
CANCEL_DEADLINE_S = 2.0  # for the pipeline itself: a processor that hangs in a frame lets no other pass
SHUTDOWN_DEADLINE_S = 3.0


class CallPipeline:
    """Runs processors over one leg. Inside `async with` the pipeline runs; leaving brings it down, always in bounded time."""

    def __init__(
        self,
        processors: Sequence[FrameProcessor],
        sample_rate: int,
        *,
        start_deadline_s: float = START_DEADLINE_S,
        ends_by_frame: bool = False,
    ) -> None:
        """`ends_by_frame`: processors are told of the end by a frame before they are cleaned up, as services of pipecat need it;
        otherwise they are cleaned up at once.
        """
        self._processors = tuple(processors)
        self._ends_by_frame = ends_by_frame
        self._start_deadline_s = start_deadline_s
        self._worker = PipelineWorker(
            Pipeline(list(processors)),
            params=PipelineParams(audio_in_sample_rate=sample_rate, audio_out_sample_rate=sample_rate),
            enable_rtvi=False,
            enable_turn_tracking=False,
            idle_timeout_secs=None,
            cancel_timeout_secs=CANCEL_DEADLINE_S,
            cancel_runner_on_idle_timeout=False,
        )
        self._runner = WorkerRunner(handle_sigint=False)
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> CallPipeline:
        """Start, and wait until every processor has seen the start. Raises TimeoutError."""
        started = asyncio.Event()

        @self._worker.event_handler("on_pipeline_started")  # type: ignore[untyped-decorator]
        async def _started(_worker: PipelineWorker, _frame: object) -> None:
            started.set()

        try:
            await self._runner.add_workers(self._worker)
            self._running = asyncio.create_task(self._runner.run())
            await asyncio.wait_for(started.wait(), self._start_deadline_s)
        except BaseException:
            await self._bring_down()  # a part of the pipeline may run already, and read the leg
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Cancel the worker; what does not end in time is cancelled itself."""
        await self._bring_down()

    async def _bring_down(self) -> None:
        if not self._ends_by_frame:
            await self._clean_up()
        await self._stop_running()
        if self._ends_by_frame:
            await self._clean_up()

    async def _clean_up(self) -> None:
        for processor in self._processors:
            try:
                await processor.cleanup()  # type: ignore[no-untyped-call]
            except Exception:  # the others hold tasks as well
                log.exception("a part of the pipeline cannot be cleaned up", code="pipeline.shutdown")

    async def _stop_running(self) -> None:
        if self._running is None:
            return
        try:
            async with asyncio.timeout(SHUTDOWN_DEADLINE_S):
                await self._runner.cancel()
                await asyncio.shield(self._running)
        except Exception as error:  # a TimeoutError is one like the others
            log.error("pipeline did not end well", code="pipeline.shutdown", error=error)
            await cancelled(self._running)
