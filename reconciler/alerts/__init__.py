"""Alert channels: how a message leaves. One file per type behind one protocol; client libraries are imported when one is opened.

Never here: what is told when (`plan/alerts.py`), or in which words (`present/alerts.py`).
"""
