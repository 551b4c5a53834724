"""Levels, badges, milestones, challenges, streaks and leaderboards: by the difference to what they should be."""
