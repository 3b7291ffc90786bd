"""What may be forgotten: results kept in the user's own cache folder, so that the next call needn't work them out again.

Never: anything that can't be made anew, anything that another user could write, a format that runs code when it is read.
"""
