"""What a hostile world sends: requests that are nearly right, senders that never end, crowds of strangers.

`castle` is the server that they come to, with everything on; `grammar` has the requests that it takes, `mutations` what
becomes of them, `answers` reads what comes back and believes nothing.
"""
