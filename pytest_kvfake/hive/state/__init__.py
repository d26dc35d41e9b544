"""What Hive keeps: hives of five stores, each store type a module of its own. All pure: no HTTP, no clock.

Collections are never changed in place. A write puts a new one where the old one was, so a snapshot shares them all.
"""
