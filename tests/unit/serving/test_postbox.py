import asyncio
import threading

from polyhead.serving.postbox import Postbox


def test_what_ends_together_is_told_in_one_call() -> None:
    async def count() -> int:
        loop, calls = asyncio.get_running_loop(), 0
        box, futures = Postbox(loop), [loop.create_future() for _ in range(5)]
        tell = loop.call_soon_threadsafe

        def counted(*what: object) -> asyncio.Handle:
            nonlocal calls
            calls += 1
            return tell(*what)

        loop.call_soon_threadsafe = counted
        for future in futures:
            box.put(future)
        await asyncio.gather(*futures)
        return calls

    assert asyncio.run(count()) == 1


def test_nothing_that_many_threads_put_in_is_forgotten() -> None:
    async def settle() -> None:
        loop = asyncio.get_running_loop()
        box, futures = Postbox(loop), [loop.create_future() for _ in range(4000)]
        threads = [
            threading.Thread(target=lambda begin=begin: [box.put(each) for each in futures[begin::4]])
            for begin in range(4)
        ]
        for thread in threads:
            thread.start()
        await asyncio.wait_for(asyncio.gather(*futures), 10)
        for thread in threads:
            thread.join()

    asyncio.run(settle())


def test_a_request_that_was_given_up_is_left_alone() -> None:
    async def settle() -> None:
        loop = asyncio.get_running_loop()
        box, gone, waiting = Postbox(loop), loop.create_future(), loop.create_future()
        gone.cancel()
        box.put(gone)
        box.put(waiting)
        await waiting

    asyncio.run(settle())
