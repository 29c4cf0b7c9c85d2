"""MDX: the Markdown in it, without modules and the tags of components."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SOURCE = """---
title: Page
---
import Tabs from '@theme/Tabs';
export const x = {
  a: 1,
};

# Heading

<Tabs groupId="os">
  <TabItem value="l" label="Linux">

    Words `<Tab>` in **it** {/* no */}

  </TabItem>
</Tabs>

<Card title="A card" onClick={() => { a > b }}>Body</Card>

```jsx
import x from 'y'
<Tabs/>
```

Use <b>this</b> and a < b.
"""


def test_mdx(tmp_path: Path, one: Any) -> None:
    document = one(tmp_path, "a.mdx", SOURCE)
    assert document.title == "Page"
    assert document.text == (
        "# Heading\n\nLinux\n\nWords <Tab> in it\n\nA card\n\nBody\n\n"
        "```jsx\nimport x from 'y'\n<Tabs/>\n```\n\nUse this and a < b."
    )
