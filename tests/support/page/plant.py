"""Documents of a small waterworks, for tests of the page on the real service."""

HANDBOOK = """# Pump handbook

## Maintenance

The impeller of the Kestrel pump must be replaced every 4,000 hours of operation. Use only seals of the type S-17.
Before any work on the pump, close the inlet valve and wait until the pressure gauge shows zero.

## Faults

Error E1234 means that the oil level is too low. Fill up oil of grade ISO 46 and restart the controller.
Error E2001 means that the motor is too hot. Let it cool for 30 minutes before the next start.

## Restart

To restart the controller, hold the green button for three seconds. The pump begins to turn as soon as the gauge shows
more than 1.2 bar. If it does not, the inlet valve is still closed.
"""
GENERATOR = """# Emergency generator

## Weekly test

Start the emergency generator every Tuesday at 07:30 and let it run without load for twenty minutes.

The test is started by hand with:

```
gensetctl test --minutes 20
```

## Fuel

A full tank lasts for nine hours at full load. Order fuel as soon as less than half of it is left.
"""
ON_CALL = """# On-call guide

## Who to call

Outside working hours, the shift leader answers every alarm within fifteen minutes. An unanswered alarm goes to
the plant manager.

## After an alarm

Write down the time, the error code and what was done. The oil level and the pressure are noted once an hour until the
end of the shift.
"""
WATER = """# Water quality

## Samples

Samples are taken at the outlet every morning. A sample above 0.3 NTU is repeated at once; a second one above it stops
the delivery.
"""

PLANT = {"pump-handbook.md": HANDBOOK, "generator.md": GENERATOR, "on-call.md": ON_CALL, "water-quality.md": WATER}
QUESTION = "How do I restart the controller after error E1234?"
