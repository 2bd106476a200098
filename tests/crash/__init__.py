"""Workers, connections and servers are ended at every step; nothing may be lost or done twice."""
