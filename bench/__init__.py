"""What the README's figures come from: chatcomet beside Nchan, Tornado and a plain Klein route, on this machine.

``make bench`` runs it; README.md here tells how, and how to read what it writes.
"""
