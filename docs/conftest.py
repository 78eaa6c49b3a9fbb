"""The files of the site are Sphinx's to import, not the tests'."""

collect_ignore = ["conf.py", "shown_code.py", "site_pages.py"]
