"""The demo's start page: a small shop window over the published model, drawn without a single outside picture.

Only `recsvc demo` asks for it, by naming PAGES in its settings.
"""

PAGES = "recsvc.shopwindow.pages:add_pages"
