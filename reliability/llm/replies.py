"""What can be wrong with the replies of a chat server: the connection, HTTP, the API's errors, the answer.

A reply returns whether it gave a usable answer, for which its caller has paid.
"""

from __future__ import annotations

from reliability.llm.call import Reply
from reliability.llm.completions import COMPLETIONS
from reliability.llm.connections import CONNECTIONS
from reliability.llm.errors import ERRORS

REPLIES: dict[str, Reply] = {**CONNECTIONS, **ERRORS, **COMPLETIONS}
