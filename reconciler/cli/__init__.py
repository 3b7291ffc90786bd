"""The command line: arguments in, text and exit codes out. One file per command, loaded when it is used.

Never: decisions that `import reconciler` couldn't take too.
"""
