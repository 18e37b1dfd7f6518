"""What a lane says and tells its barrier, without a device, a disk or a clock: passages, policy and memory put
together.

badge, reading, crossing, guard's word ─► Porter ─► Act (an event to record, and perhaps a decision to show)
"""

from edge.porter.people import PeoplePorter, person_event
from edge.porter.types import Act, ByHand, LaneParts
from edge.porter.vehicles import VehiclePorter

__all__ = ["Act", "ByHand", "LaneParts", "PeoplePorter", "VehiclePorter", "person_event"]
